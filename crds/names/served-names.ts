/** Source of a regular expression. A path cannot be written so. */
export const servedNamePattern = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}';
