/** `cut`: there was more than this. `late`: because it did not come in time. */
export type BodyStart = { text: string; cut: boolean; late: boolean };

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

const BUFFER_BYTES = 4_096;

const UTF_8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The first `bytes` bytes of a body as text, or what of them comes within `ms` milliseconds. What is left is
 * cancelled. A connection that breaks counts as cut. Whatever length is announced: text() would wait for all of it.
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  limit: { bytes: number; ms: number },
): Promise<BodyStart> {
  if (!body) return { text: "", cut: false, late: false };
  const reader = openReader(body);
  let bytes: Uint8Array = new Uint8Array(BUFFER_BYTES);
  let length = 0;
  let left = limit.bytes;
  let cut = false;
  const stop = () => {
    cut = true;
    reader.cancel().catch(() => {});
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop();
  }, limit.ms);
  try {
    for (let chunk = await reader.read(); !chunk.done && !cut; chunk = await reader.read()) {
      const kept = chunk.value.subarray(0, left);
      if (length + kept.length > bytes.length) bytes = grown(bytes, length + kept.length);
      bytes.set(kept, length);
      length += kept.length;
      left -= chunk.value.byteLength;
      if (left < 0) stop();
    }
  } catch {
    cut = true;
  } finally {
    clearTimeout(timer);
  }
  return { text: UTF_8.decode(bytes.subarray(0, length)), cut, late };
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
      // Read before the next one fills it again.
      buffer = new Uint8Array(value.buffer);
      return { done: false, value };
    },
  };
}

/** Twice as long, or as long as needed: a body of single bytes takes no more room than any other. */
function grown(bytes: Uint8Array, needed: number): Uint8Array {
  const longer = new Uint8Array(Math.max(2 * bytes.length, needed));
  longer.set(bytes);
  return longer;
}
