// A worker that takes longer than the others for its own part of a step: its device is throttled,
// or somebody else uses its node. All wait for it at every step, so that the step as a whole tells
// nothing; what each does between its waits does. Rank 0 knows it of all by their heartbeats. Pure.
import { trainersOfPod } from '../../crds/plan/world.ts';
import { isFirst, worldIn } from './rank-assignment.ts';
import type { Action, Situation } from './situation.ts';

/** What a heartbeat says of the steps of its pod. */
export interface Pace {
  readonly round: number;
  /** Of each of its trainers: median time of its own work in a step, milliseconds. */
  readonly busyMs: readonly number[];
}

/** What was last said of a straggler, if anything. */
export interface ToldPace {
  /** Undefined when all were in step. */
  readonly words: string | undefined;
  readonly at: number;
}

/** As slow as this, compared with the median of the others, one is worth a word. */
const leastFactor = 1.5;
/** Whoever came late hears it again. */
const againMs = 5 * 60_000;

export function pace(situation: Situation): Action | undefined {
  const { trainer, toldPace, now } = situation;
  if (trainer.type !== 'Running' || !isFirst(situation)) return undefined;
  const words = straggler(situation);
  const isNews = words !== toldPace?.words;
  const isDue = words !== undefined && now >= (toldPace?.at ?? now) + againMs;
  return isNews || isDue ? { type: 'TellPace', words } : undefined;
}

/**
 * `worker 2 on node node-1 takes 2.1 times as long …`, of several trainers `device 3 of worker 2
 * …`; undefined while none does, or somebody's pace is not known yet.
 */
function straggler({ paces, records }: Situation): string | undefined {
  const round = records.state?.record.round;
  const members = worldIn(records)?.members ?? [];
  const known = members.flatMap(({ index, node, podUID, devices }) => {
    const found = paces.get(podUID);
    if (found === undefined || found.round !== round) return [];
    return found.busyMs.map((busyMs, place) => {
      const device = devices > 1 ? `device ${place} of ` : '';
      return { who: `${device}worker ${index} on node ${node}`, busyMs };
    });
  });
  const ranks = members.reduce((sum, { devices }) => sum + trainersOfPod(devices), 0);
  const [slowest, ...others] = known.sort((a, b) => b.busyMs - a.busyMs);
  const usual = others[Math.floor((others.length - 1) / 2)]?.busyMs ?? 0;
  if (slowest === undefined || usual <= 0 || known.length < ranks) return undefined;
  const factor = slowest.busyMs / usual;
  if (factor <= leastFactor) return undefined;
  return `${slowest.who} takes ${factor.toFixed(1)} times as long as the others for its part of a step`;
}
