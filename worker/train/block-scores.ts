// The scores from which the selection samples blocks, where the method needs them. Computed from
// the fetched model before a checkpoint is loaded into it, and kept in the run folder, so that a
// resumed run samples the same blocks.

import type { ResolvedMethod } from '../../crds/index.ts';
import { digestOf } from '../../crds/plan/digest.ts';
import { calibrationSubject } from '../../crds/stages/subjects.ts';
import { type PreparedRecord, runFiles, scoresRecord } from '../../crds/wire/run-folder.ts';
import type { Feed } from '../data/feed.ts';
import { firstSequences } from '../data/first-sequences.ts';
import type { Model } from '../engine/model.ts';
import type { World } from '../engine/world.ts';
import type { RoleContext } from '../role.ts';
import { readRecord, writeRecord } from '../run-folder.ts';
import { outlierScores } from './outlier-scores.ts';

interface Scored {
  readonly method: ResolvedMethod;
  readonly prepared: PreparedRecord;
  readonly model: Model;
  readonly feed: Feed;
  readonly world: World;
}

/** One score for each block; empty where the selection uses none. */
export async function blockScores(
  { folder, emit }: Pick<RoleContext, 'folder' | 'emit'>,
  { method: { selection }, prepared, model, feed, world }: Scored,
): Promise<readonly number[]> {
  if (selection.type !== 'OwLore') return [];
  const { outlierThreshold, calibrationSequences } = selection.owlore;
  const count = Math.min(calibrationSequences, feed.sequences);
  const digest = digestOf({
    ...{ model: prepared.model.digest, data: prepared.data.digest },
    ...{ outlierThreshold, count, blocks: model.config.L },
  });
  const known = await readRecord(folder, runFiles.scores, scoresRecord);
  const isKnown = known?.digest === digest;
  // All ranks compute the scores together, or none does.
  if (!world.agree(!isKnown) && isKnown) return known.scores;
  const report = { type: 'stage', stage: 'Prepare', subject: calibrationSubject.outliers } as const;
  const sequences = firstSequences(feed, count);
  const progress = { ...report, unit: 'Records', total: sequences.length } as const;
  emit({ ...progress, state: 'Started' });
  const scores = outlierScores(model, sequences, Number(outlierThreshold), (done) =>
    emit({ ...progress, state: 'Running', done }),
  );
  if (world.rank === 0) {
    const record = { digest, scores: [...scores] };
    await writeRecord(folder, runFiles.scores, scoresRecord, { version: 1, ...record });
  }
  const [least, most] = [Math.min(...scores), Math.max(...scores)].map((each) =>
    each.toPrecision(3),
  );
  emit({ ...report, state: 'Done', note: `${least} % to ${most} %` });
  return scores;
}
