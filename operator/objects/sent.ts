/**
 * An object of the API as it is sent: members that are undefined are not written into JSON, so they
 * may stand where the type of the client wants a member to be absent. Spelling and types of all
 * fields are still checked against the client's.
 */
export type Sent<T> = T extends Date | string | number | boolean
  ? T
  : T extends readonly (infer E)[]
    ? readonly Sent<E>[]
    : T extends object
      ? { readonly [K in keyof T]: Sent<T[K]> | undefined }
      : T;
