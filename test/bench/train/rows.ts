/** Real conversations of the demo as rows of equal length: every program gets the same tokens. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../crds/clock.ts';
import { modelTokenizer } from '../../../worker/data/model-tokenizer.ts';
import { ignored } from '../../../worker/data/packed-sequences.ts';
import { readModelHeaders } from '../../../worker/decoder/model-headers.ts';
import { prepareDataset } from '../../../worker/prepare/prepare.ts';
import type { TokenRows } from './request.ts';

/** Names the store; the file itself was checked when the demo was unpacked. */
const demoDigest = '0'.repeat(64);

export interface RowsWanted {
  /** The volume of the demo. */
  readonly volume: string;
  /** Where the token store may be made. */
  readonly scratch: string;
  readonly batches: number;
  readonly rows: number;
  readonly length: number;
}

/** Whole conversations back to back, cut into rows; only answers are learned. */
export async function realRows(wanted: RowsWanted, signal: AbortSignal): Promise<TokenRows[]> {
  const { volume, scratch, batches, rows, length } = wanted;
  const file = join(volume, 'sharegpt.json');
  using store = await prepareDataset(
    {
      files: [
        {
          path: 'sharegpt.json',
          absolute: file,
          bytes: (await stat(file)).size,
          sha256: demoDigest,
        },
      ],
      format: 'Chat',
      tokenizer: await modelTokenizer(readModelHeaders(join(volume, 'model'))),
      date: new Date(0),
      sequenceLength: 8192,
      maxSamples: 400,
      invalidSamplePolicy: 'Skip',
    },
    {
      folder: scratch,
      threads: 1,
      clock: systemClock,
      onProgress: () => undefined,
      onWarning: () => undefined,
    },
    signal,
  );
  const tokens = store.manifest.tokens;
  const ids = new Int32Array(tokens);
  const targets = new Uint8Array(tokens);
  for (let document = 0, at = 0; document < store.count; document += 1) {
    store.copyTo(document, ids, targets, at);
    at += store.lengthOf(document);
  }
  const rowAt = (row: number) => {
    const from = row * length;
    const own = Array.from(ids.subarray(from, from + length));
    const labels = own.map((id, i) => (targets[from + i] === 1 ? id : ignored));
    return { ids: own, labels };
  };
  return Array.from({ length: batches }, (_, batch) => {
    const taken = Array.from({ length: rows }, (_, row) => rowAt(batch * rows + row));
    return { ids: taken.map((row) => row.ids), labels: taken.map((row) => row.labels) };
  });
}
