// Lets Node run the sources as they are: TypeScript resolves "./x.js" to x.ts, and so does this hook.
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith(".") || !specifier.endsWith(".js")) return next(specifier, context);
    try {
      return next(specifier, context);
    } catch (error) {
      if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
      return next(specifier.replace(/\.js$/, ".ts"), context);
    }
  },
});
