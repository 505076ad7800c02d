// Loss on held-out records: the forward of training without a tape.
import { setImmediate } from 'node:timers/promises';
import type { AttentionEntries } from '../../crds/wire/attention-entries.ts';
import { roundsOf } from '../data/rounds.ts';
import { EntryWatch } from '../engine/attention-entries.ts';
import { BlockWalk } from '../engine/block-walk.ts';
import type { Model } from '../engine/model.ts';
import { noSides } from '../engine/network.ts';
import { type HostSequence, type SeeAttention, toSequence } from '../engine/packed-sequence.ts';
import { withLayer } from '../engine/weights.ts';
import { alone, type World } from '../engine/world.ts';
import { scope } from '../tensor/scope.ts';
import { item, toArray } from '../tensor/tensor.ts';

export interface Evaluation {
  /** Mean of target tokens: negative log-likelihood in nats, or difference of values. */
  readonly loss: number;
  /** Null where targets have no labels. */
  readonly perplexity: number | null;
  /** Fraction of labels to which the model gives the highest probability; null without labels. */
  readonly accuracy: number | null;
  /** Where pictures are restored: means over them. */
  readonly likeness?: { readonly psnr: number; readonly ssim: number };
  /** Where objects are tracked: mean IoU over documents. */
  readonly overlap?: number;
  readonly tokens: number;
  /** Sums of the loss over the first documents, in order; 0 for one without target tokens. */
  readonly sums: readonly number[];
  readonly attention: AttentionEntries;
}

/** Documents whose sums are kept: 32,768 tokens, where each has 8. */
const mostSums = 4096;

/**
 * Runs the sequences one at a time on each rank; `stopped` is asked before each round, and null is
 * returned when it answers true.
 */
export async function heldOutLoss(
  model: Model,
  sequences: Iterable<HostSequence>,
  stopped: () => boolean,
  world: World = alone,
): Promise<Evaluation | null> {
  const own = {
    loss: 0,
    correct: 0,
    labels: 0,
    pictures: 0,
    psnr: 0,
    ssim: 0,
    overlap: 0,
    objects: 0,
  };
  const ownSums: number[] = [];
  using entries = new EntryWatch();
  let tokens = 0;
  let longest = 0;
  for (const round of roundsOf(sequences, world.size)) {
    // A request to stop is received here, as between steps.
    await setImmediate();
    if (stopped()) return null;
    // A rank without a sequence in the last round still takes part in gathering the weights.
    const sums = scope(
      () => lossOf(model, round.slice(world.rank, world.rank + 1), entries.see),
      model.device,
    );
    own.loss += sums.loss;
    own.correct += sums.correct;
    own.labels += sums.labels;
    for (const { psnr, ssim } of sums.likeness) {
      own.pictures += 1;
      own.psnr += psnr;
      own.ssim += ssim;
    }
    own.objects += sums.overlaps.length;
    own.overlap += sums.overlaps.reduce((sum, one) => sum + one, 0);
    for (const [rank, { offsets }] of round.entries()) {
      // The others have the sums of these documents.
      const others = () => new Array<number>(offsets.length - 1).fill(0);
      ownSums.push(...(rank === world.rank ? sums.documents : others()));
    }
    for (const { targetCount, offsets } of round) {
      tokens += targetCount;
      longest = Math.max(longest, longestIn(offsets));
    }
  }
  const { pictures, objects, ...all } = sumsOf(own, world);
  const sums = world.sum(ownSums.slice(0, mostSums));
  const loss = all.loss / tokens;
  const attention = entries.summary(model.config, longest, world);
  const ofLabels =
    all.labels === 0
      ? { perplexity: null, accuracy: null }
      : { perplexity: Math.exp(loss), accuracy: all.correct / all.labels };
  const likeness = { psnr: all.psnr / pictures, ssim: all.ssim / pictures };
  return {
    ...{ loss, ...ofLabels, ...(pictures > 0 && { likeness }) },
    ...{ ...(objects > 0 && { overlap: all.overlap / objects }), tokens, sums, attention },
  };
}

/** Over all ranks. */
function sumsOf<Name extends string>(own: Readonly<Record<Name, number>>, world: World) {
  const names = Object.keys(own) as Name[];
  const sums = world.sum(names.map((name) => own[name]));
  const all = names.map((name, i) => [name, sums[i] ?? Number.NaN] as const);
  return Object.fromEntries(all) as Record<Name, number>;
}

/** Tokens of the longest document. */
function longestIn(offsets: Int32Array): number {
  return offsets.reduce((most, end, i) => Math.max(most, end - (offsets[i - 1] ?? 0)), 0);
}

interface Sums {
  loss: number;
  /** Targets with a label, and those of them that the model finds the most likely. */
  labels: number;
  correct: number;
  readonly likeness: { readonly psnr: number; readonly ssim: number }[];
  /** Of the documents, where objects are tracked. */
  readonly overlaps: number[];
  /** Losses of the documents. */
  readonly documents: number[];
}

function lossOf(model: Model, hosts: readonly HostSequence[], see: SeeAttention): Sums {
  const sequences = hosts.map((host) => toSequence(model, host));
  using walk = new BlockWalk(model, sequences, { head: true });
  const streams = walk.finish({ attention: see });
  return withLayer(model, model.places.outlet, null, () => {
    const sums: Sums = {
      ...{ loss: 0, labels: 0, correct: 0 },
      ...{ likeness: [], overlaps: [], documents: [] },
    };
    for (const [a, sequence] of sequences.entries()) {
      const x = streams[a];
      if (x === undefined) continue;
      const {
        rows,
        loss,
        correct,
        likeness = [],
        overlaps = [],
      } = model.network.loss(model, x, sequence, walk.sides[a] ?? noSides);
      sums.loss += item(loss);
      sums.likeness.push(...likeness);
      sums.overlaps.push(...overlaps);
      if (correct !== undefined) {
        sums.labels += sequence.targetCount;
        sums.correct += item(correct);
      }
      const host = hosts[a];
      if (host !== undefined) sums.documents.push(...documentSums(host, toArray(rows)));
    }
    return sums;
  });
}

/** `losses`: of the target tokens, in order. */
function documentSums({ labels, offsets }: HostSequence, losses: readonly number[]): number[] {
  let next = 0;
  return Array.from({ length: offsets.length - 1 }, (_, document) => {
    let sum = 0;
    for (const label of labels.subarray(offsets[document], offsets[document + 1])) {
      if (label < 0) continue;
      sum += losses[next] ?? Number.NaN;
      next += 1;
    }
    return sum;
  });
}
