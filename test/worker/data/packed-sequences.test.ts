import test from 'ava';
import fc from 'fast-check';
import { fillSequence, ignored } from '../../../worker/data/packed-sequences.ts';
import { documentsOf, randomDocuments } from '../../builders/documents.ts';

test('A packed sequence predicts the next token where that one is learned, and never over the end of a document', (t) => {
  const documents = documentsOf([
    { ids: [10, 11, 12], targets: [1, 0, 1] },
    { ids: [20, 21], targets: [0, 1] },
  ]);
  t.deepEqual(fillSequence(documents, [0, 1], 7), {
    ids: Int32Array.of(10, 11, 12, 20, 21),
    labels: Int32Array.of(ignored, 12, ignored, 21, ignored),
    positions: Int32Array.of(0, 1, 2, 0, 1),
    offsets: Int32Array.of(0, 3, 5),
    targetCount: 2,
    key: 7,
    documents: [0, 1],
  });
});

test('Padding is a segment of its own that predicts nothing', (t) => {
  const documents = documentsOf([{ ids: [10, 11], targets: [0, 1] }]);
  const sequence = fillSequence(documents, [0], 0, 5);
  t.deepEqual(sequence.ids, Int32Array.of(10, 11, 0, 0, 0));
  t.deepEqual(sequence.labels, Int32Array.of(11, ignored, ignored, ignored, ignored));
  t.deepEqual(sequence.positions, Int32Array.of(0, 1, 0, 1, 2));
  t.deepEqual(sequence.offsets, Int32Array.of(0, 2, 5));
  t.is(sequence.targetCount, 1);
});

const classified = [
  { ids: [2, 11, 3], targets: [0, 0, 0], class: 1 },
  { ids: [2, 20, 3, 21, 3], targets: [0, 0, 0, 1, 1], class: 0 },
];

test('A document with a class learns it at its first token, and says where its second text is', (t) => {
  const { segments, ...sequence } = fillSequence(documentsOf(classified), [1, 0], 7, 10);
  t.deepEqual(segments, Uint8Array.of(0, 0, 0, 1, 1, 0, 0, 0, 0, 0));
  t.deepEqual(sequence, {
    ids: Int32Array.of(2, 20, 3, 21, 3, 2, 11, 3, 0, 0),
    labels: Int32Array.of(0, ...new Array(4).fill(ignored), 1, ...new Array(4).fill(ignored)),
    positions: Int32Array.of(0, 1, 2, 3, 4, 0, 1, 2, 0, 1),
    offsets: Int32Array.of(0, 5, 8, 10),
    targetCount: 2,
    key: 7,
    documents: [1, 0],
  });
});

test('Single texts have no segments', (t) => {
  t.false('segments' in fillSequence(documentsOf(classified), [0, 0], 0));
});

test('What a packed sequence learns is what its documents say they have to learn', (t) => {
  fc.assert(
    fc.property(randomDocuments, (documents) => {
      const members = Array.from({ length: documents.count }, (_, index) => index);
      const sequence = fillSequence(documents, members, 0);
      const targetCount = members.reduce(
        (sum, document) => sum + documents.targetTokensOf(document, 0),
        0,
      );
      t.is(sequence.targetCount, targetCount);
      t.is(sequence.labels.filter((label) => label !== ignored).length, targetCount);
      t.is(sequence.offsets.length, documents.count + 1);
    }),
  );
});
