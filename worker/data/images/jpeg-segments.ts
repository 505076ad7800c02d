// The outer structure of a JPEG: markers, most of which have a length and a body.
import { damagedJpeg } from './jpeg-damage.ts';

export interface Segment {
  readonly marker: number;
  readonly body: Uint8Array;
  /** The place behind it. */
  readonly end: number;
}

/** The next segment at or after `start`; bytes before its marker are skipped, as others do. */
export function segmentFrom(bytes: Uint8Array, start: number): Segment {
  let at = start;
  // 0xff is also what fills up before a marker, and 0xff00 a byte of data.
  while (at + 1 < bytes.length && !isMarker(bytes[at], bytes[at + 1])) at += 1;
  const marker = bytes[at + 1];
  if (marker === undefined) throw damagedJpeg('ends before its end marker');
  const behind = at + 2;
  const hasBody = marker !== 0x01 && (marker < 0xd0 || marker > 0xd9);
  if (!hasBody) return { marker, body: bytes.subarray(behind, behind), end: behind };
  const length = ((bytes[behind] ?? 0) << 8) | (bytes[behind + 1] ?? 0);
  const end = behind + length;
  if (length < 2 || end > bytes.length) throw damagedJpeg('ends in the middle of a segment');
  return { marker, body: bytes.subarray(behind + 2, end), end };
}

function isMarker(first: number | undefined, second: number | undefined): boolean {
  return first === 0xff && second !== 0x00 && second !== 0xff;
}
