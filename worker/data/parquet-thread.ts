// Decodes one parquet file and sends its readings in batches, one each time the last was received.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../crds/failures/errors.ts';
import { bytesOfFiles } from './file-values.ts';
import type { ParquetBatch, ParquetFile } from './parquet.ts';
import { decodeParquet } from './parquet-decode.ts';
import type { Reading } from './reading.ts';

const batchReadings = 512;
/** Of the files in the records of one batch. */
const batchBytes = 32 * 2 ** 20;

invariant(parentPort, 'this thread is started by parquet.ts');
const port = parentPort;
// Only parquet.ts starts this thread, with this data.
const { path, about } = workerData as ParquetFile;
let bytes = 0;
let held = 0;
let readings: Reading[] = [];

async function send(isLast: boolean): Promise<void> {
  const batch: ParquetBatch = { readings, bytes, isLast };
  readings = [];
  bytes = 0;
  held = 0;
  const taken = isLast ? undefined : once(port, 'message');
  port.postMessage(batch);
  await taken;
}

const count = (more: number): void => {
  bytes += more;
};
for await (const reading of decodeParquet(path, count, about)) {
  readings.push(reading);
  held += 'value' in reading ? bytesOfFiles(reading.value) : 0;
  if (readings.length === batchReadings || held >= batchBytes) await send(false);
}
await send(true);
// An open port would keep the thread alive.
port.close();
