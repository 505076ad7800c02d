// The normaliser and the pre-tokenizer of BERT. Ours, since the library's differ: it does not know
// the characters beyond U+FFFF as Chinese, lowers before it strips accents, knows a final sigma,
// and takes its classes of characters from JavaScript. Here they are those of the Rust library,
// whose tables are of Unicode 8; decompositions alone are JavaScript's.

/** What is a mark, a sign or a format character today, and was none in Unicode 8. */
const newer = [
  '\\u061d\\u07fd\\u0890-\\u08e2\\u09fd-\\u09fe\\u0a76\\u0afa-\\u0aff\\u0b55\\u0c04-\\u0c3c\\u0c77',
  '\\u0c84\\u0d00\\u0d3b-\\u0d3c\\u0d81\\u0eba\\u0ece\\u180f-\\u1886\\u1abf-\\u1aeb\\u1b4e-\\u1b4f',
  '\\u1b7d-\\u1b7f\\u1df6-\\u1dfb\\u2e43-\\u2e5d\\ua82c\\ua8c5\\ua8ff\\ua9bd\\u{10d24}-\\u{10f89}',
  '\\u{11070}-\\u{11074}\\u{110c2}-\\u{110cd}\\u{111c9}\\u{111cf}\\u{1123e}-\\u{11241}\\u{1133b}',
  '\\u{113bb}-\\u{1145e}\\u{11660}-\\u{1166c}\\u{116b9}\\u{1182f}-\\u{11fff}\\u{12ff1}-\\u{1612f}',
  '\\u{16d6d}-\\u{16f4f}\\u{16fe2}-\\u{16fe4}\\u{1cf00}-\\u{1cf46}\\u{1e000}-\\u{1e6f5}',
  '\\u{1e944}-\\u{1e95f}',
].join('');

const dropped = new RegExp(`[[\\p{Cc}\\p{Cf}\\p{Co}\\ufffd]--[\\t\\n\\r${newer}]]`, 'gv');
const blank = /\p{White_Space}/gu;
const chinese =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
// Two that were marks in Unicode 8, and two that were signs.
const mark = new RegExp(`[[\\p{Mn}--[${newer}]]\\u1734\\u{1171e}]`, 'gv');
const sign = `[[\\p{P}!-\\/:-@\\[-\`\\{-~]--[${newer}]]\\u166d\\u{111c9}`;
const signOrWord = new RegExp(`[${sign}]|[^\\p{White_Space}${sign}]+`, 'gv');

interface BertNormalizer {
  readonly clean_text: boolean;
  readonly handle_chinese_chars: boolean;
  /** As `lowercase` when absent. */
  readonly strip_accents?: boolean | null | undefined;
  readonly lowercase: boolean;
}

export function normalizeForBert(text: string, config: BertNormalizer): string {
  let normalized = text;
  if (config.clean_text) normalized = normalized.replace(dropped, '').replace(blank, ' ');
  if (config.handle_chinese_chars) normalized = normalized.replace(chinese, ' $& ');
  if (config.strip_accents ?? config.lowercase) {
    normalized = normalized.normalize('NFD').replace(mark, '');
  }
  // JavaScript lowers a sigma by what follows it, Rust each character by itself.
  return config.lowercase ? normalized.replaceAll('Σ', 'σ').toLowerCase() : normalized;
}

/** Words between blanks, and each sign by itself. */
export function bertWords(text: string): string[] {
  return text.match(signOrWord) ?? [];
}
