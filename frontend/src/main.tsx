import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { askWhoThisIs } from "@/lib/ahead";
import { App } from "./App";
import "./index.css";

void askWhoThisIs();

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
