// What the model writes at evaluations, beside their loss.
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { Feed } from '../data/feed.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import type { Model } from '../engine/model.ts';
import type { World } from '../engine/world.ts';
import { samplerOf } from './answers.ts';
import { foundClassesOf } from './found-classes.ts';
import type { TrainerParts } from './parts.ts';
import { writtenWordsOf } from './written-words.ts';

const withClasses: ReadonlySet<string> = new Set([
  ...['SequenceClassification', 'ImageClassification', 'ContrastiveImageText'],
]);

const none = async () => [];

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
  const { writeWords, heard } = await writtenWordsOf(run, files, feed, model, world);
  const { task = 'CausalLM' } = run.spec.model;
  // Records of a party of a federation are shown to nobody.
  const isShown = run.federated === undefined;
  if (task === 'SpeechToText') return { writeWords, sample: isShown ? heard : none };
  const ofClasses = isShown && withClasses.has(task);
  const sample = ofClasses
    ? await foundClassesOf(run, { files, feed, model, world })
    : await samplerOf(run, files, model, world);
  return { writeWords, sample };
}
