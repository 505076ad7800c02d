// What tokenizer.json may ask to be done to a text before it is split. The library skips what it
// does not understand, with a warning on the terminal, and the tokens are then quietly other ones;
// here it is refused by name instead.
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

/**
 * A sequence inside a sequence is in no file that was seen, and would be a way to nest without end.
 */
const sequence = z.object({
  type: z.literal('Sequence'),
  normalizers: z.array(z.discriminatedUnion('type', steps)),
});

export const normalizer = z.discriminatedUnion('type', [...steps, sequence]);
