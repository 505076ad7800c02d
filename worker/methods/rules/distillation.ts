// Knowledge distillation (Hinton et al. 2015) against cached probabilities of a teacher.
//
//   L = (1 - w) NLL + w KL(q || p),  both over the same target rows and divided by their number
//
// q and p are the probabilities of teacher and student with logits over the temperature. KL is over
// the most likely tokens of the teacher and one bucket of all others:
//   sum over ids of q (log q - log p) + r (log r - log (1 - sum over ids of p)),  r = 1 - sum of q
// which is at most the KL over the vocabulary, and teaches others their probability together,
// where renormalised top tokens would teach them zero. There is no factor of the squared
// temperature, as in TRL; the original has one.
import { Bug } from '../../../crds/failures/errors.ts';
import type { Objective } from '../../engine/objective.ts';
import * as ops from '../../tensor/ops.generated.ts';

interface DistillationSettings {
  readonly weight: number;
  readonly temperature: number;
}

/** It measures the sum of the divergences, `divergence`. */
export function distillationLoss({ weight: mix, temperature }: DistillationSettings): Objective {
  return {
    of({ h, weight, sequence, scale, cap, dweight }) {
      const { labels, teacher } = sequence;
      if (teacher === undefined) throw new Bug('a sequence without the rows of its teacher');
      const options = { invN: scale, cap, mix, temperature, dweight };
      const [, , sums, dh] = ops.headDistil(h, weight, labels, teacher.ids, teacher.logQ, options);
      return { sums: { loss: ops.select(sums, 0, 0), divergence: ops.select(sums, 0, 3) }, dh };
    },
  };
}
