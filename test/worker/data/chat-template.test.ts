import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { compileTemplate, tagMarks } from '../../../worker/data/chat-template.ts';
import type { Message } from '../../../worker/data/sample.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import { chatTemplates, type TemplateName } from '../../builders/chat-templates.ts';

const talk: readonly Message[] = [
  { role: 'user', content: 'Hi', isTarget: true },
  { role: 'assistant', content: 'Hello', isTarget: true },
];

test('The time that a template asks for is the day of the job, in UTC and in English', (t) => {
  const date = new Date('2026-02-03T23:45:06Z');
  const template = compileTemplate({ ...chatTemplates.llama31, date });
  t.true(template.render(talk, undefined, false).includes('Today Date: 03 Feb 2026<'));
  const all = compileTemplate({
    source: '{{ strftime_now("%Y %m %d %B %b %H %M %S %% %Q") }}',
    date,
  });
  t.is(all.render([], undefined, false), '2026 02 03 February Feb 23 45 06 % %Q');
});

test('Arguments of the job reach the template, and cannot replace the messages', (t) => {
  const source = '{{ mood }}{% if loud %}!{% endif %}{{ messages[0].content }}';
  const template = compileTemplate({
    source,
    arguments: { mood: 'kind', loud: true, messages: [{ content: 'forged' }] },
  });
  t.is(template.render(talk, undefined, false), 'kind!Hi');
});

test('A template that cannot be parsed is refused with the place to set another', (t) => {
  const error = t.throws(() => compileTemplate({ source: '{% for x in %}' }), {
    instanceOf: UserError,
  });
  t.is(error.code, 'E_INVALID_TOKENIZER');
  t.is(error.path, 'spec.dataset.chatTemplate');
});

const marksOnly = test.macro({
  title: (given = '') => given,
  exec(t, source: string) {
    const template = compileTemplate({ source });
    const plain = template.render(talk, undefined, false);
    const tagged = template.tagged?.(talk, undefined, false);
    t.is(tagged?.replaceAll(tagMarks.begin, '').replaceAll(tagMarks.end, ''), plain);
    t.is(tagged?.split(tagMarks.begin).length, 2);
    t.is(tagged?.split(tagMarks.end).length, 2);
  },
});
const answer = '{{ messages[1].content }}';
test('Tags in a line', marksOnly, `a {% generation %}${answer}{% endgeneration %} b`);
test(
  'Tags on lines of their own',
  marksOnly,
  `a\n{% generation %}\n${answer}\n{% endgeneration %}\nb`,
);
test(
  'Indented tags',
  marksOnly,
  `a\n    {% generation %}\n    ${answer}\n  {% endgeneration %}\n b`,
);
test(
  'Tags with dashes',
  marksOnly,
  `a\n  {%- generation -%}\n  ${answer}\n  {%- endgeneration -%}\n  b`,
);
test(
  'Tags with one dash',
  marksOnly,
  `a \n {%- generation %}\n  ${answer} \n{% endgeneration -%}\n  b`,
);
test('Tags without blanks', marksOnly, `a\n{%generation%}${answer}{%endgeneration%}\n\nb`);

test('Templates without tags have no tagged form', (t) => {
  for (const name of Object.keys(chatTemplates) as TemplateName[]) {
    t.is(compileTemplate(chatTemplates[name]).tagged === undefined, name !== 'tagged', name);
  }
});

test('range counts as in Python, and not further than a template needs', (t) => {
  const render = (source: string) => compileTemplate({ source }).render([], undefined, false);
  t.is(
    render(
      '{{ range(3) | join(",") }};{{ range(5, 0, -2) | join(",") }};{{ range(3, 1) | length }}',
    ),
    '0,1,2;5,3,1;0',
  );
  t.is(render('range(100000000)'), 'range(100000000)');
  t.throws(() => render('{% for i in range(100000000) %}x{% endfor %}'), {
    instanceOf: UnusableRecord,
    message: /range has 100000000 steps/,
  });
});
