import test from 'ava';
import {
  chatQuestion,
  chatRequest,
  completionQuestions,
  completionRequest,
  problemOf,
} from '../../../crds/serve/requests.ts';

const messages = [{ role: 'user', content: 'hello' }];

function problem(schema: typeof chatRequest | typeof completionRequest, body: unknown): string {
  const { error } = schema.safeParse(body);
  return error === undefined ? 'accepted' : problemOf(error).message;
}

test('a conversation becomes a question, with the defaults of the API', (t) => {
  const parsed = chatRequest.parse({
    model: 'm',
    messages: [
      ...messages,
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ],
    stop: 'x',
  });
  t.deepEqual(chatQuestion(parsed, 7), {
    ...{ model: 'm', temperature: 1, topP: 1, seed: 7, stop: ['x'] },
    prompt: {
      type: 'Chat',
      messages: [...messages, { role: 'user', content: 'ab' }] as never,
    },
  });
  const limited = chatRequest.parse({ model: 'm', messages, max_completion_tokens: 3, seed: 4 });
  const { maxTokens, seed } = chatQuestion(limited, 7);
  t.deepEqual([maxTokens, seed], [3, 4]);
});

function questionsOf(more: object, seed = () => 1) {
  return completionQuestions(completionRequest.parse({ model: 'm', prompt: 'a', ...more }), seed);
}

test('a prompt is a text or tokens, alone or one of a list', (t) => {
  const promptsOf = (prompt: unknown) => questionsOf({ prompt }).map((one) => one.prompt);
  const text = { type: 'Text', text: 'a' } as const;
  const tokens = { type: 'Tokens', ids: [3, 4] } as const;
  t.deepEqual(promptsOf('a'), [text]);
  t.deepEqual(promptsOf(['a']), [text]);
  t.deepEqual(promptsOf(['a', 'b']), [text, { type: 'Text', text: 'b' }]);
  t.deepEqual(promptsOf([3, 4]), [tokens]);
  t.deepEqual(promptsOf([[3, 4]]), [tokens]);
  t.deepEqual(promptsOf([[3, 4], [3]]), [tokens, { type: 'Tokens', ids: [3] }]);
  t.deepEqual(promptsOf([3]), [{ type: 'Tokens', ids: [3] }]);
  t.is(questionsOf({})[0]?.maxTokens, 16);
});

test('prompts of one request share a seed that it gives, and draw apart without one', (t) => {
  let next = 0;
  const draw = () => next++;
  const seeds = (more: object) =>
    questionsOf({ prompt: ['a', 'b'], ...more }, draw).map(({ seed }) => seed);
  t.deepEqual(seeds({ seed: 9 }), [9, 9]);
  t.is(new Set(seeds({})).size, 2);
});

test('log probabilities are of a text, or of a prompt too where it is repeated', (t) => {
  const wanted = (more: object) => {
    const [{ echo, logprobs, maxTokens } = {}] = questionsOf(more);
    return { echo, logprobs, maxTokens };
  };
  const harness = { echo: true, logprobs: 1, max_tokens: 0 };
  t.deepEqual(wanted(harness), { echo: true, logprobs: 1, maxTokens: 0 });
  t.deepEqual(wanted({ logprobs: 0 }), { echo: undefined, logprobs: 0, maxTokens: 16 });
  const chat = (more: object) =>
    chatQuestion(chatRequest.parse({ model: 'm', messages, ...more }), 1).logprobs;
  t.is(chat({ logprobs: true }), 0);
  t.is(chat({ logprobs: true, top_logprobs: 3 }), 3);
  t.is(chat({ logprobs: false }), undefined);
});

test('what would change the answer and is not supported is refused in a sentence', (t) => {
  const chat = { model: 'm', messages };
  const completion = { model: 'm', prompt: 'a' };
  t.is(problem(chatRequest, { ...chat, n: 1, logprobs: false, frequency_penalty: 0 }), 'accepted');
  t.is(problem(chatRequest, { ...chat, tools: [] }), 'tools is not supported');
  t.is(problem(chatRequest, { ...chat, n: 2 }), 'n must be 1: a request has one answer');
  t.regex(
    problem(chatRequest, { ...chat, response_format: { type: 'json_object' } }),
    /must be text/,
  );
  t.regex(problem(chatRequest, { ...chat, temperature: -1 }), /^temperature is invalid/);
  t.regex(problem(chatRequest, { model: 'm' }), /^messages is invalid/);
  t.is(
    problem(chatRequest, { ...chat, top_logprobs: 2 }),
    'top_logprobs must be left out where logprobs is not true',
  );
  t.regex(problem(chatRequest, { ...chat, logprobs: 2 }), /^logprobs is invalid/);
  t.regex(problem(completionRequest, { ...completion, logprobs: 6 }), /^logprobs is invalid/);
  t.is(
    problem(completionRequest, { ...completion, max_tokens: 0 }),
    'max_tokens must be 1 or more where echo is not true',
  );
  t.is(
    problem(completionRequest, { ...completion, n: 2 }),
    'n must be 1: a request has one answer',
  );
  t.regex(problem(completionRequest, { ...completion, prompt: [] }), /^prompt/);
  t.regex(problem(completionRequest, { ...completion, prompt: ['a', [3]] }), /^prompt/);
  t.regex(problem(completionRequest, { ...completion, prompt: [[]] }), /^prompt/);
  t.is(problem(completionRequest, { ...completion, stop: Array(32).fill('a') }), 'accepted');
  t.regex(problem(completionRequest, { ...completion, stop: Array(33).fill('a') }), /^stop/);
  t.regex(problem(chatRequest, null), /^the body/);
});
