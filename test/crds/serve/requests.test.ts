import test from 'ava';
import {
  chatQuestion,
  chatRequest,
  completionQuestion,
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

test('a prompt is a text or tokens, alone or as the only one of a list', (t) => {
  const promptOf = (prompt: unknown) =>
    completionQuestion(completionRequest.parse({ model: 'm', prompt }), 1).prompt;
  const text = { type: 'Text', text: 'a' } as const;
  const tokens = { type: 'Tokens', ids: [3, 4] };
  t.deepEqual(promptOf('a'), text);
  t.deepEqual(promptOf(['a']), text);
  t.deepEqual(promptOf([3, 4]), tokens);
  t.deepEqual(promptOf([[3, 4]]), tokens);
  t.deepEqual(promptOf([3]), { type: 'Tokens', ids: [3] });
  t.is(completionQuestion(completionRequest.parse({ model: 'm', prompt: 'a' }), 1).maxTokens, 16);
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
  t.regex(problem(completionRequest, { ...completion, echo: true }), /^echo must be false/);
  t.regex(problem(completionRequest, { ...completion, prompt: ['a', 'b'] }), /^prompt/);
  t.regex(problem(completionRequest, { ...completion, stop: Array(5).fill('a') }), /^stop/);
  t.regex(problem(chatRequest, null), /^the body/);
});
