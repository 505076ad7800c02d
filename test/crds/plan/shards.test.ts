import test from 'ava';
import fc from 'fast-check';
import {
  cellSize,
  type FlatParameterPlan,
  followOwners,
  planFlatParameter,
  shardsOf,
} from '../../../crds/plan/shards.ts';

const counts = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 });
const ranks = fc.integer({ min: 1, max: 9 });
const layout = fc.constantFrom('slice' as const, 'owner' as const);

const named = (sizes: readonly number[]) => sizes.map((count, i) => ({ name: `w${i}`, count }));

/** How often each element of a tensor is kept, by counting them one by one. */
function keepers(
  plan: FlatParameterPlan,
  world: number,
  name: string,
  count: number,
): readonly number[] {
  const kept = new Array<number>(count).fill(0);
  for (let rank = 0; rank < world; rank++) {
    for (const shard of shardsOf(plan, rank)) {
      if (shard.name !== name) continue;
      for (let i = 0; i < shard.count; i++) kept[shard.start + i]! += 1;
    }
  }
  return kept;
}

test('every element has exactly one keeper in any world and layout', (t) => {
  fc.assert(
    fc.property(counts, ranks, layout, fc.nat(40), (sizes, world, how, first) => {
      const plan = planFlatParameter(named(sizes), world, how, first);
      return named(sizes).every(({ name, count }) =>
        keepers(plan, world, name, count).every((times) => times === 1),
      );
    }),
  );
  t.pass();
});

test('the shares one after the other have every tensor whole, where the plan says', (t) => {
  fc.assert(
    fc.property(counts, ranks, layout, (sizes, world, how) => {
      const plan = planFlatParameter(named(sizes), world, how);
      const flat = new Array<string>(world * plan.share).fill('');
      for (let rank = 0; rank < world; rank++) {
        for (const { name, start, count, at } of shardsOf(plan, rank)) {
          for (let i = 0; i < count; i++) flat[rank * plan.share + at + i] = `${name}/${start + i}`;
        }
      }
      return plan.tensors.every(({ name, count, at }) =>
        Array.from({ length: count }, (_, i) => flat[at + i]).every(
          (is, i) => is === `${name}/${i}`,
        ),
      );
    }),
  );
  t.pass();
});

test('no cell is cut: pieces begin with one, in the tensor and in the share', (t) => {
  fc.assert(
    fc.property(counts, ranks, layout, (sizes, world, how) => {
      const plan = planFlatParameter(named(sizes), world, how);
      return Array.from({ length: world }, (_, rank) => shardsOf(plan, rank))
        .flat()
        .every(({ start, at }) => start % cellSize === 0 && at % cellSize === 0);
    }),
  );
  t.pass();
});

test('slices waste less than a cell a tensor and a rank', (t) => {
  fc.assert(
    fc.property(counts, ranks, (sizes, world) => {
      const { share } = planFlatParameter(named(sizes), world, 'slice');
      const needed = sizes.reduce((sum, size) => sum + size, 0);
      return world * share - needed < cellSize * (sizes.length + world);
    }),
  );
  t.pass();
});

test('owners keep tensors whole, none more than the lightest and one tensor', (t) => {
  fc.assert(
    fc.property(counts, ranks, (sizes, world) => {
      const plan = planFlatParameter(named(sizes), world, 'owner');
      const held = Array.from({ length: world }, (_, rank) => shardsOf(plan, rank));
      const cells = held.map((shards) =>
        shards.reduce((sum, { count }) => sum + Math.ceil(count / cellSize), 0),
      );
      const largest = Math.ceil(Math.max(...sizes) / cellSize);
      return (
        held.flat().every(({ name, count }) => sizes[Number(name.slice(1))] === count) &&
        Math.max(...cells) - Math.min(...cells) <= largest
      );
    }),
  );
  t.pass();
});

test('what follows owners has each tensor at the owner that it has, whole, in cells of its own', (t) => {
  fc.assert(
    fc.property(counts, ranks, fc.integer({ min: 1, max: 9 }), (sizes, world, factor) => {
      const plan = planFlatParameter(named(sizes), world, 'owner', factor);
      const other = new Map(named(sizes).map(({ name, count }, i) => [name, factor * count + i]));
      const found = followOwners(plan, other);
      for (let rank = 0; rank < world; rank++) {
        const shards = shardsOf(found, rank);
        t.deepEqual(
          shards.map(({ name }) => name),
          shardsOf(plan, rank).map(({ name }) => name),
        );
        let free = 0;
        for (const { name, start, count, at } of shards) {
          t.deepEqual({ start, count }, { start: 0, count: other.get(name)! });
          t.true(at >= free && at % cellSize === 0);
          free = at + count;
        }
        t.true(free <= found.share);
      }
    }),
  );
});

test('the first rank of a block has its largest tensor', (t) => {
  const sizes = [
    { name: 'small', count: 10 },
    { name: 'large', count: 9000 },
  ];
  for (let first = 0; first < 7; first++) {
    const plan = planFlatParameter(sizes, 3, 'owner', first);
    t.deepEqual(
      shardsOf(plan, first % 3).map(({ name }) => name),
      ['large'],
    );
  }
});
