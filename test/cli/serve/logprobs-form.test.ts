import test from 'ava';
import { chatLogprobs, textLogprobs } from '../../../cli/serve/logprobs-form.ts';

const first = { bytes: 'a', at: 0, logprob: null, top: [] };
const second = {
  ...{ bytes: '\u00c3\u00a9', at: 1, logprob: -3 },
  top: [
    { bytes: 'b', logprob: -1 },
    { bytes: '\u00ff\u00c3', logprob: -2 },
  ],
};

test('completions have a list for each thing, the token itself beside the likeliest', (t) => {
  t.deepEqual(textLogprobs([first, second]), {
    tokens: ['a', 'é'],
    token_logprobs: [null, -3],
    top_logprobs: [null, { b: -1, 'bytes:\\xff\\xc3': -2, é: -3 }],
    text_offset: [0, 1],
  });
});

test('of two tokens that spell the same, the likelier has the name', (t) => {
  const twice = { bytes: 'b', at: 1, logprob: -5, top: [{ bytes: 'b', logprob: -1 }] };
  t.deepEqual(textLogprobs([twice]).top_logprobs, [{ b: -1 }]);
});

test('chats have an entry for each token, with its bytes', (t) => {
  t.deepEqual(chatLogprobs([second]), {
    content: [
      {
        ...{ token: 'é', logprob: -3, bytes: [0xc3, 0xa9] },
        top_logprobs: [
          { token: 'b', logprob: -1, bytes: [98] },
          { token: 'bytes:\\xff\\xc3', logprob: -2, bytes: [0xff, 0xc3] },
        ],
      },
    ],
    refusal: null,
  });
});
