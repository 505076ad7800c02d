// The comparison of all pictures of a step with all texts: micro-batches, and of pairs also ranks,
// are put together, and what each has of the gradients is taken apart again.
import type { PackedSequence } from '../engine/packed-sequence.ts';
import type { World } from '../engine/world.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { contrastGradients, similarities } from './contrast.ts';
import { foundOf, lossSums } from './joint.ts';

/**
 * Of one micro-batch: rows of its target pictures, and of the texts that it brings for them. Those
 * of classes are for all: the first that has any is asked.
 */
interface Part {
  readonly pictures: Tensor;
  readonly texts: Tensor;
  readonly sequence: PackedSequence;
}

export interface PartGradients {
  readonly sums: ReturnType<typeof lossSums>;
  readonly pictures: Tensor;
  readonly texts: Tensor;
}

interface Compared {
  readonly parts: readonly PartGradients[];
  readonly logitScale: Tensor;
}

interface Settings {
  /** 1 over the pictures of the global batch. */
  readonly scale: number;
  readonly world: World;
}

/** Collective where texts are of pictures. The gradients are those of the loss times `scale`. */
export function compareBatch(
  parts: readonly Part[],
  logitScale: Tensor,
  { scale, world }: Settings,
): Compared {
  return scope(() => {
    const own = joined(parts);
    const { texts: kind } = own;
    const count = rowsIn(own.pictures);
    const [all, from] = kind?.of === 'Pictures' ? gathered(own, world) : [own, 0];
    const compared = { pictures: all.pictures, texts: all.rows, logitScale };
    const logits = similarities(compared);
    const found = foundOf(logits, own);
    const back = contrastGradients(compared, logits, ops.mulScalar(found.ofLogits, scale));
    const mine = (values: Tensor): Tensor => ops.narrow(values, 0, from, count);
    const ofPictures = [mine(back.pictures), mine(found.rows), mine(found.right)] as const;
    const ofTexts = kind?.of === 'Pictures' ? mine(back.texts) : back.texts;
    return {
      parts: takenApart(parts, ofPictures, ofTexts),
      logitScale: ops.sum(mine(back.logitScale)),
    };
  });
}

function rowsIn({ shape }: Tensor): number {
  return shape[0] ?? 0;
}

/** In the order of the micro-batches. */
function joined(parts: readonly Part[]) {
  const all = (of: (part: Part) => Tensor): Tensor => ops.cat(parts.map(of), 0);
  const first = asked(parts);
  const { texts: kind } = first?.sequence ?? {};
  return {
    pictures: all(({ pictures }) => pictures),
    rows: first && kind?.of === 'Classes' ? first.texts : all(({ texts }) => texts),
    labels: all(({ sequence }) => sequence.labels),
    ...(kind && { texts: kind }),
  };
}

function asked(parts: readonly Part[]): Part | undefined {
  return parts.find(({ texts }) => rowsIn(texts) > 0);
}

interface Rows {
  readonly pictures: Tensor;
  readonly rows: Tensor;
}

/** Rows of all ranks in their order, and where those of this rank begin. */
function gathered(own: Rows, world: World): readonly [all: Rows, from: number] {
  const count = rowsIn(own.pictures);
  const counts = world.sum(
    Array.from({ length: world.size }, (_, rank) => (rank === world.rank ? count : 0)),
  );
  const total = counts.reduce((sum, one) => sum + one, 0);
  const from = counts.slice(0, world.rank).reduce((sum, one) => sum + one, 0);
  const spread = (rows: Tensor): Tensor => {
    const all = ops.zeros([total, ...rows.shape.slice(1)], { dtype: rows.dtype });
    ops.copy_(ops.narrow(all, 0, from, count), rows);
    world.sumTensor(all);
    return all;
  };
  return [{ pictures: spread(own.pictures), rows: spread(own.rows) }, from];
}

function takenApart(
  parts: readonly Part[],
  [pictures, losses, right]: readonly [pictures: Tensor, losses: Tensor, right: Tensor],
  texts: Tensor,
): readonly PartGradients[] {
  let [picture, text] = [0, 0];
  const first = asked(parts);
  return parts.map((part) => {
    const [ofPictures, ofTexts] = [rowsIn(part.pictures), rowsIn(part.texts)];
    const isAsked = part === first || part.sequence.texts?.of === 'Pictures';
    const mine = (all: Tensor): Tensor => ops.narrow(all, 0, picture, ofPictures);
    const own = {
      sums: lossSums({ rows: mine(losses), right: mine(right) }),
      pictures: mine(pictures),
      texts: isAsked ? ops.narrow(texts, 0, text, ofTexts) : ops.zerosLike(part.texts),
    };
    picture += ofPictures;
    text += isAsked ? ofTexts : 0;
    return own;
  });
}
