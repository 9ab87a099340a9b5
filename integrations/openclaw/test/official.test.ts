import { showFeatures } from "./harness/suite.ts";

showFeatures("official");
