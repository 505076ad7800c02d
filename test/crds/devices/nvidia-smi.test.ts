import test from 'ava';
import fc from 'fast-check';
import { mostCards, readCards } from '../../../crds/devices/nvidia-smi.ts';
import { cardLine, uuidOf } from '../../doubles/nvidia-smi.ts';

const read = (...lines: readonly string[]) => readCards(`${lines.join('\n')}\n`);

test('a card is its number, its UUID, its memory, driver, capability and name', (t) => {
  t.deepEqual(read(cardLine()), {
    cards: [
      {
        ...{ index: 0, uuid: uuidOf(0), name: 'NVIDIA H100 80GB HBM3', bytes: 81_559 * 2 ** 20 },
        ...{ driver: '580.65.06', capability: '9.0', isDivided: false },
      },
    ],
    unread: 0,
  });
});

test('cards are in the order of their numbers, and each number counts once', (t) => {
  const { cards, unread } = read(
    ...[cardLine({ index: 2 }), cardLine({ index: 0 }), cardLine({ index: 2, name: 'other' })],
  );
  t.deepEqual(
    cards.map(({ index }) => index),
    [0, 2],
  );
  t.is(unread, 1);
});

test('memory is unknown where the host shares its own, and where the card is divided', (t) => {
  for (const memory of ['[N/A]', '0 MiB', '81559', '-1 MiB', '[Unknown Error]']) {
    t.is(read(cardLine({ memory })).cards[0]?.bytes, undefined, memory);
  }
  const [divided] = read(cardLine({ mig: 'Enabled' })).cards;
  t.like(divided, { bytes: undefined, isDivided: true });
});

test('a name may have commas, and nothing that changes a terminal', (t) => {
  const [card] = read(cardLine({ name: 'NVIDIA \u001b[31mX, rev. B' })).cards;
  t.is(card?.name, 'NVIDIA [31mX, rev. B');
  t.is(read(cardLine({ name: 'x'.repeat(500) })).cards[0]?.name.length, 80);
});

test('what is no card is counted and left out', (t) => {
  const lines = [
    ...['No devices were found', ',,,,,,', cardLine({ index: 100 }), cardLine({ uuid: 'MIG-1' })],
    ...[cardLine({ driver: 'rm -rf' }), cardLine({ capability: '[N/A]' }), cardLine({ name: '' })],
  ];
  t.deepEqual(read(...lines), { cards: [], unread: lines.length });
  t.deepEqual(readCards(''), { cards: [], unread: 0 });
});

test('any text gives cards whose values have their form', (t) => {
  const broken = fc
    .tuple(fc.constantFrom(cardLine(), cardLine({ index: 1 })), fc.nat(), fc.string())
    .map(([line, at, more]) => line.slice(0, at % line.length) + more + line.slice(at % 7));
  const text = fc
    .array(fc.oneof(fc.string({ unit: 'binary' }), broken))
    .map((all) => all.join('\n'));
  fc.assert(
    fc.property(text, (printed) => {
      const { cards, unread } = readCards(printed);
      t.true(cards.length <= mostCards && unread >= 0);
      for (const { index, name, bytes } of cards) {
        t.true(Number.isInteger(index) && index >= 0 && index < mostCards);
        t.true(name.length > 0 && name.length <= 80 && !/\p{Cc}/u.test(name));
        t.true(bytes === undefined || (Number.isSafeInteger(bytes) && bytes > 0));
      }
    }),
  );
  t.pass();
});
