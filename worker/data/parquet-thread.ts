// Decodes one parquet file and sends its readings in batches, one each time the last was received.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../crds/failures/errors.ts';
import type { ParquetBatch } from './parquet.ts';
import { decodeParquet } from './parquet-decode.ts';
import type { Reading } from './reading.ts';

const batchReadings = 512;

invariant(parentPort && typeof workerData === 'string', 'this thread is started by parquet.ts');
const port = parentPort;
let bytes = 0;
let readings: Reading[] = [];

async function send(isLast: boolean): Promise<void> {
  const batch: ParquetBatch = { readings, bytes, isLast };
  readings = [];
  bytes = 0;
  const taken = isLast ? undefined : once(port, 'message');
  port.postMessage(batch);
  await taken;
}

const count = (more: number): void => {
  bytes += more;
};
for await (const reading of decodeParquet(workerData, count)) {
  readings.push(reading);
  if (readings.length === batchReadings) await send(false);
}
await send(true);
// An open port would keep the thread alive.
port.close();
