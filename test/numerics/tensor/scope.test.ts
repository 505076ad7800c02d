import test from 'ava';
import fc from 'fast-check';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';

const one = (): Tensor => tensor([1], [1]);

test('a scope frees what was made inside and keeps what it returns', (t) => {
  const before = liveHandles();
  const inner: Tensor[] = [];
  using kept = scope(() => {
    inner.push(one());
    return ops.addScalar(inner[0]!, 1);
  });
  t.is(liveHandles(), before + 1);
  t.deepEqual(toArray(kept), [2]);
  t.throws(() => ops.neg(inner[0]!), { message: /this tensor was released/ });
});

test('tensors are found in arrays, objects, maps and sets of the result', (t) => {
  const before = liveHandles();
  const made = scope(() => ({
    list: [one(), [one()]],
    map: new Map([['a', one()]]),
    set: new Set([one()]),
    nothing: null,
    number: 3,
  }));
  t.is(liveHandles(), before + 4);
  for (const x of [made.list[0], (made.list[1] as Tensor[])[0], made.map.get('a'), ...made.set]) {
    (x as Tensor).dispose();
  }
  t.is(liveHandles(), before);
});

test('a throw frees everything and goes on', (t) => {
  const before = liveHandles();
  t.throws(
    () =>
      scope(() => {
        one();
        scope(() => ops.mm(one(), one()));
      }),
    { message: /^aten::mm: / },
  );
  t.is(liveHandles(), before);
});

test('what an inner scope returns dies with the outer one', (t) => {
  const before = liveHandles();
  const escaped = scope(() => {
    const inner = scope(() => one());
    t.is(item(inner), 1);
    return { inner: inner.handle };
  });
  t.is(liveHandles(), before);
  t.true(escaped.inner > 0);
});

test('a tensor of an outer scope that an inner one returns is not freed by either too early', (t) => {
  const before = liveHandles();
  using result = scope(() => {
    const outer = one();
    const same = scope(() => outer);
    t.is(same, outer);
    t.is(item(outer), 1);
    return same;
  });
  t.is(item(result), 1);
  t.is(liveHandles(), before + 1);
});

test('a tensor that two places of the result hold is kept once', (t) => {
  const before = liveHandles();
  const [a, b] = scope(() => {
    const x = one();
    return [x, x];
  });
  t.is(a, b);
  t.is(liveHandles(), before + 1);
  a?.dispose();
  t.is(liveHandles(), before);
});

test('keep takes a tensor out of every scope', (t) => {
  const before = liveHandles();
  let kept: Tensor | undefined;
  scope(() => {
    scope(() => {
      kept = keep(one());
    });
  });
  t.is(liveHandles(), before + 1);
  t.is(item(kept!), 1);
  kept?.dispose();
  t.is(liveHandles(), before);
});

test('a tensor disposed inside its scope is not freed twice', (t) => {
  const before = liveHandles();
  scope(() => {
    one().dispose();
    using tenant = one();
    t.is(item(tenant), 1);
  });
  t.is(liveHandles(), before);
});

test('returning a tensor that was disposed inside is a sentence, and frees the rest', (t) => {
  const before = liveHandles();
  t.throws(
    () =>
      scope(() => {
        one();
        const x = one();
        x.dispose();
        return x;
      }),
    { message: 'a tensor in the result of a scope was released inside it' },
  );
  t.is(liveHandles(), before);
});

test('an asynchronous body is refused', (t) => {
  const before = liveHandles();
  t.throws(() => scope(async () => one()), { message: /a scope returned a promise/ });
  t.is(liveHandles(), before);
});

interface Plan {
  readonly makes: number;
  readonly returns: boolean;
  readonly throws: boolean;
  readonly inner: readonly Plan[];
}

const plan = fc.letrec<{ plan: Plan }>((tie) => ({
  plan: fc.record({
    makes: fc.nat({ max: 3 }),
    returns: fc.boolean(),
    throws: fc.boolean(),
    inner: fc.oneof(
      { depthSize: 'small' },
      fc.constant([]),
      fc.array(tie('plan'), { maxLength: 3 }),
    ),
  }),
})).plan;

function run({ makes, returns, throws, inner }: Plan): Tensor[] {
  return scope(() => {
    const made = Array.from({ length: makes }, one);
    for (const each of inner) {
      try {
        made.push(...run(each));
      } catch (error) {
        if ((error as Error).message !== 'planned') throw error;
      }
    }
    if (throws) throw new Error('planned');
    return returns ? made : [];
  });
}

test('however scopes nest, return and throw, only what the outermost returns is left', (t) => {
  fc.assert(
    fc.property(plan, (outermost) => {
      const before = liveHandles();
      let returned: Tensor[] = [];
      try {
        returned = run(outermost);
      } catch (error) {
        t.is((error as Error).message, 'planned');
      }
      t.is(liveHandles(), before + returned.length);
      for (const x of returned) {
        t.is(item(x), 1);
        x.dispose();
      }
      t.is(liveHandles(), before);
    }),
  );
});
