// What of an answer is said as its tokens come: the prompt where it is asked for, the text, and how
// likely tokens were.
import type { ServedQuestion, ServedToken } from '../../crds/serve/messages.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import type { Sequence } from '../decoding/sequence.ts';
import { codePoints, type EchoedPrompt, echoedPrompt, MadeTokens, servedToken } from './echo.ts';
import { TextOut } from './text-out.ts';

interface Said {
  readonly text: string;
  readonly tokens?: ServedToken[];
}

export class AnswerOut {
  readonly #asked: ServedQuestion;
  readonly #bytesOf: Tokenizer['bytesOf'];
  readonly #echo: EchoedPrompt | undefined;
  readonly #text: TextOut;
  readonly #tokens: MadeTokens;
  #hasBegun = false;
  /** Tokens that were read, and log probabilities. */
  #made = 0;
  #scored = 0;

  /** `prompt`: its tokens. */
  constructor(
    asked: ServedQuestion,
    prompt: readonly number[],
    { bytesOf }: Pick<Tokenizer, 'bytesOf'>,
  ) {
    const given = asked.prompt.type === 'Text' ? asked.prompt.text : undefined;
    this.#asked = asked;
    this.#bytesOf = bytesOf;
    this.#echo = asked.echo === true ? echoedPrompt(prompt, bytesOf, given) : undefined;
    this.#text = new TextOut(bytesOf, asked.stop);
    this.#tokens = new MadeTokens(bytesOf, codePoints(this.#echo?.text ?? ''));
  }

  /** Whether a stop string came. */
  get isOver(): boolean {
    return this.#text.isOver;
  }

  /** What came since it was asked last. */
  news(sequence: Sequence): Said {
    const before = this.#hasBegun ? { text: '', tokens: [] } : this.#prompt(sequence);
    this.#hasBegun = true;
    const { made, end } = sequence;
    let text = '';
    for (const id of made.slice(this.#made)) text += this.#text.add(id);
    this.#made = made.length;
    if (end !== undefined) text += this.#text.end();
    if (this.#asked.logprobs === undefined) return { text: before.text + text };
    const tokens = [...before.tokens, ...this.#madeTokens(sequence, text)];
    return { text: before.text + text, ...(tokens.length > 0 ? { tokens } : {}) };
  }

  #prompt({ question, logprobs }: Sequence): Required<Said> {
    if (this.#echo === undefined) return { text: '', tokens: [] };
    const { text, at } = this.#echo;
    if (question.logprobs === undefined) return { text, tokens: [] };
    this.#scored = question.prompt.length - 1;
    const tokens = question.prompt.map((id, i) =>
      servedToken(id, at[i] ?? 0, logprobs[i - 1], this.#bytesOf),
    );
    return { text, tokens };
  }

  #madeTokens({ made, logprobs, end, question }: Sequence, text: string): readonly ServedToken[] {
    const ofPrompt = question.logprobs?.ofPrompt === true ? question.prompt.length - 1 : 0;
    // A completion tells the token that ended it, as OpenAI's do and harnesses count on; the tokens
    // of a chat's message are its text.
    const isChat = this.#asked.prompt.type === 'Chat';
    const known = isChat ? ofPrompt + made.length : logprobs.length;
    for (const score of logprobs.slice(this.#scored, known)) this.#tokens.add(score);
    this.#scored = known;
    const said = this.#tokens.say(text);
    return end === undefined || this.isOver ? said : [...said, ...this.#tokens.rest()];
  }
}
