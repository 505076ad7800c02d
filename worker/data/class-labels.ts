// The class that a record names: its number, or one of the names of spec.dataset.labels.
import { UnusableRecord } from '../files/unusable-record.ts';

const namesShown = 8;

/** Throws UnusableRecord, as for -1, the label of records whose class is kept secret. */
export function classOf(label: number | string, names: readonly string[]): number {
  const found = typeof label === 'string' ? names.indexOf(label) : label;
  if (Number.isInteger(found) && found >= 0 && found < names.length) return found;
  const shown = names.slice(0, namesShown).join(', ');
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
  throw new UnusableRecord(
    `has the label ${asShown(label)}; spec.dataset.labels names ${names.length} classes: ${shown}${more}`,
  );
}

/** The class as a record states it. Throws UnusableRecord. */
export function toLabel(label: unknown): number | string {
  if (typeof label === 'number' || typeof label === 'string') return label;
  // Whole numbers of a parquet file.
  if (typeof label === 'bigint') return Number(label);
  const found = label === null ? 'is null' : `is a ${Array.isArray(label) ? 'list' : typeof label}`;
  throw new UnusableRecord(`has a label that ${found}, neither a number nor a name`);
}

const labelCharacters = 128;

function asShown(label: number | string): string {
  if (typeof label === 'number') return String(label);
  const whole = label.length <= labelCharacters;
  return JSON.stringify(whole ? label : `${label.slice(0, labelCharacters)}…`);
}
