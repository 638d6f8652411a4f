"""KPIs, funnel, goals and team as answers; what the models foretell stands beside them."""
