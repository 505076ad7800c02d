// What every reader of records yields: a value with its place in the file, or the reason why there is none. A problem
// is data, not an exception: whether one bad record ends a job is decided by spec.dataset.invalidSamplePolicy.

export type Reading = RecordRead | ReadProblem;

interface RecordRead {
  /** Line of the file, from 1; the number of the row in parquet. */
  readonly line: number;
  readonly value: unknown;
}

export interface ReadProblem {
  readonly line: number;
  /** Completes the sentence "FILE:LINE …". */
  readonly problem: string;
  /** Set when nothing after it can be read. */
  readonly ends?: true;
}

/** Memory for one record is bounded by this, whatever the file says. */
export const maxRecordBytes = 64 * 1024 * 1024;

export function isProblem(reading: Reading): reading is ReadProblem {
  return 'problem' in reading;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** One record from its bytes. */
export function parseRecord(line: number, bytes: Uint8Array): Reading {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    // The only error of a fatal decoder is that the bytes are no UTF-8.
    return { line, problem: 'is not UTF-8 text' };
  }
  try {
    return { line, value: JSON.parse(text) };
  } catch (error) {
    return { line, problem: `is not JSON: ${withoutText(error)}` };
  }
}

/** V8 quotes the text around the error; records are user data and stay out of messages. */
function withoutText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/(, )?(\.\.\.)?".*$/s, '').toLowerCase();
}
