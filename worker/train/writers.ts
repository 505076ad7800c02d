// What the model writes at evaluations, beside their loss.
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { Feed } from '../data/feed.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import type { Model } from '../engine/model.ts';
import type { World } from '../engine/world.ts';
import { samplerOf } from './answers.ts';
import type { TrainerParts } from './parts.ts';
import { writtenWordsOf } from './written-words.ts';

interface Written {
  readonly run: RunRecord;
  readonly files: ModelFiles;
  readonly feed: Feed;
}

export async function writersOf(
  { run, files, feed }: Written,
  model: Model,
  world: World,
): Promise<Pick<TrainerParts, 'sample' | 'writeWords'>> {
  return {
    sample: await samplerOf(run, files, model, world),
    writeWords: await writtenWordsOf(run, files, feed, model, world),
  };
}
