export type BodyStart = { text: string; cut: boolean };

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

const BUFFER_BYTES = 4_096;

const UTF_8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The first `bytes` bytes of a body as text; `cut` says that there was more, or that it did not come
 * within `ms` milliseconds. What is left is cancelled. A connection that breaks counts as cut.
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  limit: { bytes: number; ms?: number },
): Promise<BodyStart> {
  if (!body) return { text: "", cut: false };
  const reader = openReader(body);
  const chunks: Uint8Array[] = [];
  let left = limit.bytes;
  let cut = false;
  const stop = () => {
    cut = true;
    reader.cancel().catch(() => {});
  };
  const timer = limit.ms === undefined ? undefined : setTimeout(stop, limit.ms);
  try {
    for (let chunk = await reader.read(); !chunk.done && !cut; chunk = await reader.read()) {
      chunks.push(chunk.value.subarray(0, left));
      left -= chunk.value.byteLength;
      if (left < 0) stop();
    }
  } catch {
    cut = true;
  } finally {
    clearTimeout(timer);
  }
  return { text: UTF_8.decode(joined(chunks)), cut };
}

/** Into a small buffer of ours where the stream allows it: Deno's own takes 64 kB for each read of a short answer. */
function openReader(body: ReadableStream<Uint8Array>): Reader {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: "byob" });
  } catch {
    return body.getReader();
  }
  let buffer = new Uint8Array(BUFFER_BYTES);
  return {
    cancel: () => reader.cancel(),
    read: async () => {
      const { done, value } = await reader.read(buffer);
      if (done || !value) return { done: true, value: undefined };
      const chunk = value.slice();
      buffer = new Uint8Array(value.buffer);
      return { done: false, value: chunk };
    },
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array()] = chunks;
  if (chunks.length <= 1) return first;
  const all = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let length = 0;
  for (const chunk of chunks) {
    all.set(chunk, length);
    length += chunk.length;
  }
  return all;
}

/** readBody for a response; a short one of known length takes the runtime's own, cheaper way. */
export async function readResponse(
  response: Response,
  limit: { bytes: number; ms: number },
): Promise<BodyStart> {
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  if (response.headers.has("content-encoding") || !(length <= limit.bytes)) {
    return await readBody(response.body, limit);
  }
  try {
    return { text: await response.text(), cut: false };
  } catch {
    return { text: "", cut: true };
  }
}
