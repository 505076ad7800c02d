// A chat template comes with a model from anywhere and is a program: it may end in a text or a
// sentence, not run away.
import { compileTemplate } from '../../../worker/data/chat-template.ts';
import type { Message } from '../../../worker/data/sample.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import type { Target } from '../target.ts';

const messages: readonly Message[] = [
  { role: 'user', content: 'a', isTarget: true },
  { role: 'assistant', content: 'b', isTarget: true },
];

const chatml =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message.content | trim + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const blocks =
  "{%- set ns = namespace(n=0) -%}{%- if messages[0]['role'] == 'system' %}{{- raise_exception('no system') }}{% elif tools %}{{ tools | tojson(indent=2) }}{% else %}{% generation %}{{ bos_token }}{% endgeneration %}{% endif %}{% macro f(x) %}{{ x | upper }}{% endmacro %}{{ f('a') }}{{ strftime_now('%d') }}";

export const target: Target = {
  seeds: [chatml, blocks],
  words: [
    ...[
      '{% for x in messages %}',
      '{% endfor %}',
      '{% if ',
      '{% endif %}',
      '{% else %}',
      '{% set ',
      '{{ ',
      ' }}',
      '%}',
    ],
    ...[
      'range(3)',
      'namespace(',
      'loop.index0',
      'loop.last',
      ' is defined',
      ' not in ',
      ' | length',
      ' | join(",")',
    ],
    ...[
      '.split(',
      '.items()',
      '.strip()',
      '[::-1]',
      '[1:]',
      ' ~ ',
      ' // 0',
      '**',
      'none',
      'true',
      '{%-',
      '-%}',
      '{#',
      '#}',
    ],
    ...[
      '{% generation %}',
      '{% endgeneration %}',
      '{% macro f(x) %}',
      '{% endmacro %}',
      '{% break %}',
      '__proto__',
    ],
  ],
  run(bytes) {
    const source = new TextDecoder().decode(bytes);
    const template = compileTemplate({ source, bos: '<s>', eos: '</s>' });
    for (const render of [template.render, template.tagged]) {
      try {
        render?.(messages, undefined, true);
      } catch (error) {
        if (!(error instanceof UnusableRecord)) throw error;
      }
    }
  },
};
