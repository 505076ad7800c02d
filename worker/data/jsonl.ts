// JSON lines: one record a line, LF or CRLF, blank lines skipped. Lines are split as bytes and
// decoded one by one, so a bad line costs one record, and the longest permitted line bounds memory.
import { maxRecordBytes, parseRecord, type Reading } from './reading.ts';

const newline = 0x0a;

export async function* readJsonLines(
  chunks: AsyncIterable<Buffer>,
  maxBytes: number = maxRecordBytes,
): AsyncGenerator<Reading> {
  let line = 1;
  let parts: Buffer[] = [];
  let held = 0;
  const finish = (last: Buffer): Reading | undefined => {
    const length = held + last.length;
    const bytes = parts.length === 0 ? last : Buffer.concat([...parts, last]);
    parts = [];
    held = 0;
    if (length > maxBytes) return { line, problem: `is longer than ${maxBytes} bytes` };
    return isBlank(bytes) ? undefined : parseRecord(line, bytes);
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const reading = finish(chunk.subarray(start, end));
      if (reading !== undefined) yield reading;
      line += 1;
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    held += rest.length;
    // Of a line that is too long only the length is kept.
    if (held > maxBytes) parts = [];
    else if (rest.length > 0) parts.push(rest);
  }
  const last = finish(Buffer.alloc(0));
  if (last !== undefined) yield last;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
