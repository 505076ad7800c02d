// What the trainer of a job learns from: its records, or trajectories of its base.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import type { PreparedRecord } from '../../crds/wire/run-folder.ts';
import { type Feed, openFeed } from '../data/feed.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { feedOfNothing, openTrajectoryFeed } from '../denoising/trajectory-feed.ts';
import { modelSource } from '../engine/build-model.ts';
import type { World } from '../engine/world.ts';
import type { ModelConfig } from '../families/family.ts';
import type { Device } from '../tensor/device.ts';

interface Trainer {
  readonly method: ResolvedMethod;
  readonly files: ModelFiles;
  readonly device: Device;
  readonly world: Pick<World, 'rank' | 'size'>;
}

export async function openJobFeed(
  spec: FineTuneJobSpec,
  data: PreparedRecord['data'],
  { method, files, device, world: { rank, size } }: Trainer,
  signal: AbortSignal,
): Promise<Feed> {
  if (spec.training.trajectory !== undefined) {
    return openTrajectoryFeed({ spec, method, source: modelSource(files), device, rank, size });
  }
  if (spec.dataset.train === undefined) return feedOfNothing(spec, files.config);
  const attentionCost = attentionCostOf(files.config);
  return await openFeed(spec, data, signal, { rank, size, attentionCost });
}

/** Linear layers cost about 24 H^2 for a token, attention 4 H for each token it attends to. */
function attentionCostOf({ H }: ModelConfig): number {
  return 1 / (6 * H);
}
