// What a model that hears is trained on of each record, by the job, its configuration and its
// tokenizer: the tokens that begin a text in English without times, as its authors have them.
import { invariant, UserError } from '../../crds/failures/errors.ts';
import type { FineTuneJobSpec } from '../../crds/index.ts';
import { windowFrames } from '../../crds/plan/sound-window.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import type { TokenizerDefinition } from '../data/tokenizer-definition.ts';
import { whisperConfig } from '../whisper/config.ts';
import type { SoundRules } from './encode-sound.ts';

/** Models for English alone have fewer tokens, and no language or task before a text. */
const fewestOfLanguages = 51_865;

export async function soundRules(
  { dataset }: Pick<FineTuneJobSpec, 'dataset'>,
  headers: Parameters<typeof modelTokenizer>[0],
): Promise<Omit<SoundRules, 'boundary'>> {
  const { mels, sourcePositions, V } = whisperConfig(headers.config);
  const { sequenceLength, overlength } = dataset;
  invariant(sequenceLength !== undefined, 'texts without a longest length');
  const tokenizer = await modelTokenizer(headers);
  const names = [
    '<|startoftranscript|>',
    ...(V < fewestOfLanguages ? [] : ['<|en|>', '<|transcribe|>']),
    '<|notimestamps|>',
  ];
  return {
    ...{ tokenizer, sequenceLength, overlength, mels },
    frames: windowFrames(dataset, sourcePositions),
    before: names.map((name) => idOf(tokenizer, name, headers.path)),
    end: idOf(tokenizer, '<|endoftext|>', headers.path),
  };
}

function idOf({ json }: TokenizerDefinition, name: string, path: string): number {
  const found = json.added_tokens.find(({ content }) => content === name);
  if (found !== undefined) return found.id;
  throw new UserError({
    code: 'E_INVALID_TOKENIZER',
    path,
    message: `${path}: tokenizer.json has no added token ${name}, which Whisper's texts need`,
    hint: 'take the tokenizer that was published with these weights',
  });
}
