// Extracts the requested byte range from an answer, since some servers ignore Range and send the
// whole file.
import { TerminalError, TransientError } from '../../crds/failures/errors.ts';

interface AskedRange {
  readonly begin: number;
  readonly end: number;
  /** Size of the whole file, as listed. */
  readonly bytes: number;
  readonly what: string;
}

export function rangeOf(
  response: Response,
  body: AsyncIterable<Uint8Array>,
  asked: AskedRange,
): AsyncIterable<Uint8Array> {
  if (response.status !== 206) return slice(body, asked.begin, asked.end);
  const told = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  if (told?.[2] !== undefined && told[2] !== '*' && Number(told[2]) !== asked.bytes) {
    throw new TerminalError({
      code: 'E_DIGEST_MISMATCH',
      message: `${asked.what} has ${told[2]} bytes, but was listed with ${asked.bytes}`,
    });
  }
  if (Number(told?.[1]) !== asked.begin) {
    throw new TransientError({
      code: 'E_HUB_UNAVAILABLE',
      message: `${asked.what}: asked from byte ${asked.begin}, answered from byte ${told?.[1]}`,
    });
  }
  return slice(body, 0, asked.end - asked.begin);
}

async function* slice(
  body: AsyncIterable<Uint8Array>,
  begin: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of body) {
    const part = chunk.subarray(Math.max(0, begin - at), Math.max(0, end - at));
    at += chunk.length;
    if (part.length > 0) yield part;
    if (at >= end) return;
  }
}
