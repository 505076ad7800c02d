// The text beside the frames of a clip: a line for each, of left, top, width and height in pixels.
import { UnusableRecord } from '../../files/unusable-record.ts';
import type { Box } from './box.ts';

/**
 * Null for a frame without the object, whose box has no area or no numbers. Throws UnusableRecord,
 * which completes "FILE …".
 */
export function readBoxes(text: string): readonly (Box | null)[] {
  return text
    .trim()
    .split('\n')
    .map((line, i) => boxOf(line, i + 1));
}

function boxOf(line: string, number: number): Box | null {
  const words = line.trim().split(/[\s,;]+/);
  const values = words.map((word) => (/^[+-]?nan$/i.test(word) ? Number.NaN : Number(word)));
  const isRead = words.length === 4 && values.every((value, i) => isNumber(value, words[i]));
  if (!isRead) {
    throw new UnusableRecord(
      `has ${JSON.stringify(line.slice(0, 60))} in line ${number}; a line must be left, top, width and height of a box`,
    );
  }
  const [left = 0, top = 0, width = 0, height = 0] = values;
  const hasObject = values.every(Number.isFinite) && width > 0 && height > 0;
  return hasObject ? [left, top, left + width, top + height] : null;
}

function isNumber(value: number, word = ''): boolean {
  return word !== '' && (!Number.isNaN(value) || /nan/i.test(word));
}
