import test from 'ava';
import fc from 'fast-check';
import { type AnswerForm, hasForm } from '../../../worker/publish/answer-form.ts';
import { instructions } from '../../../worker/publish/instruction-list.ts';

/** For each form: answers that have it, and answers that nearly do. */
const cases: readonly (readonly [AnswerForm, readonly string[], readonly string[]])[] = [
  [{ type: 'Words', least: 2, most: 3 }, ['blue sea', "it's 3 o'clock"], ['sea', 'a b c d', '...']],
  [
    { type: 'Sentences', exactly: 2 },
    ['One. Two!', ' Is it? It is 3.5 m. '],
    ['One.', 'One, two', 'One. Two. Three.'],
  ],
  [
    { type: 'Bullets', exactly: 2 },
    ['- a\n- b', '* a\n\n* b'],
    ['Here:\n- a\n- b', '-a\n-b', '- a'],
  ],
  [
    { type: 'Numbered', exactly: 2 },
    ['1. a\n2. b', '1) a\n2) b'],
    ['1. a\n3. b', '2. a\n1. b', '1. a\n2. b\nDone'],
  ],
  [{ type: 'Paragraphs', exactly: 2 }, ['a\n\nb', 'a\n \nb\n'], ['a\nb', 'a\n\nb\n\nc']],
  [
    { type: 'Contains', words: ['river', 'stone'] },
    ['A Stone in the river.'],
    ['rivers of stone', 'a riverstone'],
  ],
  [
    { type: 'Without', characters: ',!' },
    ['the moon is far away'],
    ['the moon, far away up', 'short text', 'the moon is far!'],
  ],
  [{ type: 'Without', characters: 'z' }, ['a dog barks loudly'], ['Zed is a dog']],
  [{ type: 'Begins', text: 'First' }, ['First, boil it'], ['Well. First', 'first']],
  [{ type: 'Ends', text: 'Goodbye.' }, ['Have fun. Goodbye.'], ['Goodbye', 'Goodbye. Bye']],
  [{ type: 'Enclosed', begin: '<<', end: '>>' }, ['<<Peru>>'], ['<Peru>', '<<>>', 'x <<Peru>>']],
  [{ type: 'Case', is: 'Upper' }, ['HELLO 2!'], ['Hello', '12']],
  [{ type: 'Case', is: 'Lower' }, ['a tree.'], ['A tree.']],
  [
    { type: 'Json', keys: ['name'] },
    ['{"name": 1}', '```json\n{"name": "a"}\n```'],
    ['{"Name": 1}', 'Sure: {"name": 1}', '[1]', '{"toString": 1', '"name"'],
  ],
  [{ type: 'Json', keys: ['toString'] }, [], ['{}']],
  [{ type: 'Number', value: 12 }, ['12', '12.', '12.0'], ['13', 'twelve', '7 + 5 = 12']],
  [{ type: 'OneOf', choices: ['yes', 'no'] }, ['Yes', 'no.'], ['Yes, it is', 'maybe']],
  [{ type: 'Separated', by: ';', exactly: 3 }, ['a; b; c'], ['a; b', 'a; b;', 'a, b, c']],
  [
    { type: 'Language', is: 'German' },
    ['Das Wetter ist mild und die Sonne scheint.'],
    ['The weather is mild and sunny.', 'Le temps est doux et la vie est belle.', 'Wetter'],
  ],
  [
    { type: 'Language', is: 'French' },
    ['Je mange des fruits et un croissant le matin.'],
    ['I eat fruit and a roll in the morning.', 'El desayuno es un plato de frutas y pan.'],
  ],
  [
    { type: 'Language', is: 'Spanish' },
    ['Los viajes abren los ojos y es bueno para el alma.'],
    ['People travel to see the world and to learn.'],
  ],
  [
    { type: 'Language', is: 'Italian' },
    ['Un buon amico e una persona che ti ascolta sono un tesoro per te.'],
    [
      'A good friend is a person who listens.',
      'Ein guter Freund ist ein Mensch, der zu dir steht.',
    ],
  ],
];

for (const [form, right, wrong] of cases) {
  test(`${Object.values(form).join(' ')}: ${right.length} answers have it, ${wrong.length} do not`, (t) => {
    for (const answer of right) t.true(hasForm(form, answer), answer);
    for (const answer of [...wrong, '', ' \n']) t.false(hasForm(form, answer), answer);
  });
}

test('any answer is checked in any form without an error', (t) => {
  const forms = instructions.map(({ form }) => form);
  fc.assert(
    fc.property(
      fc.constantFrom(...forms),
      fc.string({ unit: 'binary', maxLength: 300 }),
      (form, text) => {
        hasForm(form, text);
      },
    ),
  );
  t.pass();
});

test('64 instructions, of 16 forms, and all forms in each sixteen', (t) => {
  t.is(instructions.length, 64);
  t.is(new Set(instructions.map(({ prompt }) => prompt)).size, 64);
  for (const first of [0, 16, 32, 48]) {
    const types = instructions.slice(first, first + 16).map(({ form }) => form.type);
    t.is(new Set(types).size, 16, String(first));
  }
  for (const { prompt } of instructions) t.true(prompt.length <= 96, prompt);
});
