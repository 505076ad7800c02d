// The parts of @huggingface/tokenizers that we use, typed. Its declaration files import each other
// without extensions, which TypeScript cannot resolve under Node's rules, so its classes are
// untyped: this is the one cast.
import * as untyped from '@huggingface/tokenizers';

interface TokenizerParts {
  readonly model: unknown;
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
  readonly post_processor: unknown;
  readonly decoder: unknown;
  readonly added_tokens: readonly unknown[];
}

export interface LibraryTokenizer {
  readonly normalizer: { readonly normalize: (text: string) => string } | null;
  readonly post_processor: {
    readonly post_process: (
      tokens: readonly string[],
      pair: null,
      addSpecialTokens: boolean,
    ) => { readonly tokens: readonly string[] };
  } | null;
  readonly model: {
    /** Tokens of the words; consecutive unknown ones are fused. */
    readonly _call: (words: readonly string[]) => readonly string[];
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    readonly unk_token_id?: number;
  };
}

interface SplitConfig {
  readonly type: 'Split';
  readonly pattern: { readonly Regex: string } | { readonly String: string };
  readonly behavior: string;
  readonly invert: boolean;
}

interface TypedLibrary {
  readonly Tokenizer: new (parts: TokenizerParts, config: object) => LibraryTokenizer;
  readonly SplitPreTokenizer: new (
    config: SplitConfig,
  ) => {
    readonly pre_tokenize_text: (text: string) => string[];
  };
}

const library = untyped as unknown as TypedLibrary;

export function createLibraryTokenizer(parts: TokenizerParts): LibraryTokenizer {
  return new library.Tokenizer(parts, {});
}

/** Splits text by a pattern in Oniguruma's syntax. Throws where JavaScript cannot match it. */
export function createSplit(config: Omit<SplitConfig, 'type'>): (text: string) => string[] {
  const split = new library.SplitPreTokenizer({ type: 'Split', ...config });
  return (text) => split.pre_tokenize_text(text);
}
