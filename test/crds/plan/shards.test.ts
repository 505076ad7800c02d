import test from 'ava';
import fc from 'fast-check';
import { planShards, type Shard, type ShardedParameter } from '../../../crds/plan/shards.ts';

const parameter = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3 }),
    block: fc.nat(3),
    layout: fc.constantFrom('slice' as const, 'owner' as const, 'replicated' as const),
    dimension: fc.nat(2),
  })
  .map(({ shape, dimension, ...rest }) => ({
    ...rest,
    shape,
    dimension: dimension % shape.length,
  }));

const parameters = fc
  .array(parameter, { minLength: 1, maxLength: 12 })
  .map((all) => all.map((one, index): ShardedParameter => ({ ...one, name: `p${index}` })));

const ranks = fc.integer({ min: 1, max: 9 });

/** How often each element of a parameter is kept, by counting them one by one. */
function keepers(shape: readonly number[], shards: readonly Shard[]): readonly number[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const counts = new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0);
  const walk = (shard: Shard, axis: number, offset: number): void => {
    if (axis === shape.length) {
      counts[offset]! += 1;
      return;
    }
    for (let i = 0; i < shard.shape[axis]!; i++) {
      walk(shard, axis + 1, offset + (shard.start[axis]! + i) * strides[axis]!);
    }
  };
  for (const shard of shards) walk(shard, 0, 0);
  return counts;
}

test('every element has exactly one keeper, or all ranks where it is replicated', (t) => {
  fc.assert(
    fc.property(parameters, ranks, (all, world) => {
      const shards = planShards(all, world);
      return all.every(({ name, shape, layout }) => {
        const own = shards.filter((shard) => shard.name === name);
        const wanted = layout === 'replicated' ? world : 1;
        return keepers(shape, own).every((count) => count === wanted);
      });
    }),
  );
  t.pass();
});

test('slices of one parameter differ by one row at most', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), ranks, (rows, world) => {
      const [name, block, layout] = ['w', 0, 'slice'] as const;
      const sizes = planShards([{ name, block, layout, shape: [rows, 3] }], world).map(
        ({ shape }) => shape[0]!,
      );
      return sizes.length === Math.min(rows, world) && Math.max(...sizes) - Math.min(...sizes) <= 1;
    }),
  );
  t.pass();
});

test('owners of a block hold no more than the lightest and one matrix', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
      ranks,
      (rows, world) => {
        const all = rows.map(
          (count, i): ShardedParameter => ({
            name: `w${i}`,
            shape: [count],
            block: 0,
            layout: 'owner',
          }),
        );
        const held = new Array<number>(world).fill(0);
        for (const { rank, shape } of planShards(all, world)) held[rank]! += shape[0]!;
        return Math.max(...held) - Math.min(...held) <= Math.max(...rows);
      },
    ),
  );
  t.pass();
});
