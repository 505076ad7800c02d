/** How a published Whisper fares on a domain: the evaluation of training, of all its sounds. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFeed } from '../../../worker/data/feed.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { frozenModel, modelSource } from '../../../worker/engine/build-model.ts';
import { alone } from '../../../worker/engine/world.ts';
import { heldOutLoss } from '../../../worker/train/held-out-loss.ts';
import { writtenWordsOf } from '../../../worker/train/written-words.ts';
import { ToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';
import { evaluationOf } from './jobs.ts';

export interface Heard {
  /** Mean negative log-likelihood of a token. */
  readonly loss: number;
  readonly errors: number;
  readonly words: number;
}

const never = () => false;

/** `model` and `domain` are folders. */
export async function heardOf(model: string, domain: string, signal: AbortSignal): Promise<Heard> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'job.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(evaluationOf(model, domain)));
  const run = await ToyRun.of(file, join(folder.path, 'run'), join(folder.path, 'out'));
  await run.prepare();
  const { spec } = run.record;
  using feed = await openFeed(spec, (await run.prepared()).data, signal);
  using files = openModel(model);
  const built = frozenModel(modelSource(files), {
    ...{ dtype: 'float32', sequenceLength: spec.dataset.sequenceLength },
  });
  using _parameters = built.parameters;
  const found = await heldOutLoss(built, feed.evaluationSequences(), never);
  const { writeWords } = await writtenWordsOf(run.record, files, feed, built, alone);
  const written = await writeWords(never);
  if (found === null || !written) throw new Error(`nothing was heard in ${domain}`);
  return { loss: found.loss, ...written };
}
