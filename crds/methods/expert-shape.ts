// The sizes of an adapter with experts: each layer of an MLP has two matrices for each of them, and
// a router is beside the layers.
import { type AdapterShape, inner, type LikeLora, likeLora } from './adapter-shapes.ts';
import { isOfMlp } from './linears.ts';

interface Mixture extends LikeLora {
  readonly numExperts: number;
  readonly topK: number;
}

/** `H` is the hidden size. */
export function ofExperts(own: Mixture, { H }: { readonly H: number }): AdapterShape {
  const { rank, numExperts: count, topK: chosen } = own;
  return {
    ...likeLora(own, {
      count(linear) {
        const matrices = isOfMlp(linear) ? count : 1;
        return { trained: matrices * rank * (linear.in + linear.out), kept: 0, taken: 0 };
      },
    }),
    experts: { count, chosen, router: count * H },
    perToken: (linear) => (isOfMlp(linear) ? { exact: 0, copied: chosen * rank } : inner(rank)),
  };
}
