// The normalizers of tokenizer.json. The library skips those that it does not know with a warning
// on the terminal, which silently changes the tokens; here they are refused by name instead.
import * as z from 'zod';

const pattern = z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]);

const steps = [
  z.object({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents']) }),
  z.object({ type: z.literal('Strip'), strip_left: z.boolean(), strip_right: z.boolean() }),
  z.object({ type: z.literal('Prepend'), prepend: z.string() }),
  z.object({ type: z.literal('Replace'), pattern, content: z.string() }),
  z.object({ type: z.literal('Precompiled'), precompiled_charsmap: z.string().nullish() }),
  z.object({
    type: z.literal('BertNormalizer'),
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean(),
  }),
] as const;

/** Nested sequences are in no known file, and would allow unbounded nesting. */
const sequence = z.object({
  type: z.literal('Sequence'),
  normalizers: z.array(z.discriminatedUnion('type', steps)),
});

export const normalizer = z.discriminatedUnion('type', [...steps, sequence]);
