"""Lists of open deals and active clients, single ones in parts, and scores in the shapes that CRMs take."""
