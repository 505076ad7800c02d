import { join } from 'node:path';
import test from 'ava';
import { runStage } from '../../../worker/supervisor/stage-pod.ts';
import { aSpec } from '../../builders/job.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

test('without a bus, too, an image without CUDA ends a pod before anything is started', async (t) => {
  await using folder = await temporaryFolder();
  const told: string[] = [];
  const parts = {
    stage: 'train',
    config: { addon: join(folder.path, 'anneal.node'), pod: { index: 0 } },
    plan: { spec: aSpec({ 'worker.devicesPerWorker': 1 }) },
    report: { line: (_level: string, _from: string, text: string) => told.push(text) },
  };
  const end = await runStage(parts as never, new AbortController().signal);
  t.is(end.exitCode, 78);
  t.like(end.terminationMessage?.failure, { code: 'E_IMAGE_WITHOUT_CUDA', index: 0 });
  t.regex(told.join(), /the image has no CUDA kernels/);
});
