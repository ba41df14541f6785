/** Tests write, truncate and crash: never on a server that is somebody's. */

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** Returns the URL if it names a server on this machine; throws with the reason otherwise. */
export function requireLoopbackTestServer(url: string): string {
  const { protocol, hostname, searchParams } = new URL(url);
  if (protocol !== "postgres:" && protocol !== "postgresql:") {
    throw new Error(`a test database's URL begins with postgres://, not ${protocol}//`);
  }
  const elsewhere = ["host", "hostaddr"].find((name) => searchParams.has(name));
  if (elsewhere) throw new Error(`tests refuse a URL whose ?${elsewhere}= names another server`);
  if (!LOOPBACK.has(hostname)) {
    throw new Error(
      `tests truncate tables and crash servers, so they run on 127.0.0.1 only, not on ${hostname || "a socket"}`,
    );
  }
  return url;
}
