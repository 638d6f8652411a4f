"""How each KPI is computed: functions `(Sheet, variant) -> Cells`, by subject."""
