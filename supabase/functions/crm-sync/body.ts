export type BodyStart = { text: string; cut: boolean };

const STRICT_TEXT = { ignoreBOM: true } as const;

/**
 * The first `bytes` bytes of a body as text; `cut` says that there was more, or that it did not come
 * within `ms` milliseconds. What is left is cancelled. A connection that breaks counts as cut.
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  limit: { bytes: number; ms?: number },
): Promise<BodyStart> {
  if (!body) return { text: "", cut: false };
  const reader = body.getReader();
  const decoder = new TextDecoder("utf-8", STRICT_TEXT);
  let text = "";
  let left = limit.bytes;
  let cut = false;
  const stop = () => {
    cut = true;
    reader.cancel().catch(() => {});
  };
  const timer = limit.ms === undefined ? undefined : setTimeout(stop, limit.ms);
  try {
    for (let chunk = await reader.read(); !chunk.done && !cut; chunk = await reader.read()) {
      text += decoder.decode(chunk.value.subarray(0, left), { stream: true });
      left -= chunk.value.byteLength;
      if (left < 0) stop();
    }
    text += decoder.decode();
  } catch {
    cut = true;
  } finally {
    clearTimeout(timer);
  }
  return { text, cut };
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
