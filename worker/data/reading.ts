// What every reader of records yields: a value with its position in the file, or the problem with
// it. A problem is data, not an exception: spec.dataset.invalidSamplePolicy decides whether one bad
// record ends a job.

import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';

export type Reading = RecordRead | ReadProblem;

interface RecordRead {
  /** Line in the file, or row in parquet; from 1. */
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

/** Bounds the memory of one record, whatever the file contains. */
export const maxRecordBytes: number = jsonLimits.record.bytes;

export function isProblem(reading: Reading): reading is ReadProblem {
  return 'problem' in reading;
}

/** Parses one record. */
export function parseRecord(line: number, bytes: Uint8Array): Reading {
  try {
    return { line, value: parseJson(bytes, jsonLimits.record) };
  } catch (error) {
    if (error instanceof RefusedBytes) return { line, problem: error.message };
    throw error;
  }
}
