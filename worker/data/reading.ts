// What every reader of records yields: a value with its place in the file, or the reason why there
// is none. A problem is data, not an exception: whether one bad record ends a job is decided by
// spec.dataset.invalidSamplePolicy.

import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';

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
export const maxRecordBytes: number = jsonLimits.record.bytes;

export function isProblem(reading: Reading): reading is ReadProblem {
  return 'problem' in reading;
}

/** One record from its bytes. */
export function parseRecord(line: number, bytes: Uint8Array): Reading {
  try {
    return { line, value: parseJson(bytes, jsonLimits.record) };
  } catch (error) {
    if (error instanceof RefusedBytes) return { line, problem: error.message };
    throw error;
  }
}
