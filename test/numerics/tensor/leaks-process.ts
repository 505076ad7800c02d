// A process that makes tensors and forgets them, or does not: leaks-process.ts forgets | frees,
// with --expose-gc. Prints where those were made that were reported, and how many live.
import { reportLeaks } from '../../../worker/tensor/leaks.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, tensor } from '../../../worker/tensor/tensor.ts';

const seen: string[] = [];
reportLeaks((madeAt) => seen.push(madeAt));

function forgetful(): Tensor {
  return tensor([1], [1]);
}

function freeing(): void {
  forgetful().dispose();
  scope(() => {
    forgetful();
  });
  using _last = forgetful();
}

if (process.argv[2] === 'forgets') forgetful();
else freeing();
for (let i = 0; i < 5; i += 1) {
  globalThis.gc?.();
  await new Promise((resolve) => setImmediate(resolve));
}
console.log(JSON.stringify([...seen, `live ${liveHandles()}`]));
